/* A plug-in for Daybook: the transform "thumbnail" puts a small 8-bit preview of every image beside the data.
 *     cmake -S . -B build && cmake --build build
 *     daybook replay RUN.daybook --plugin build/libthumbnail.so --layout thumbnail.toml */
#include <daybook/materializer/daybook_plugin.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const daybook_host* host;

/* Each pixel of the preview is the mean of a box of the image: the last two dimensions, of a stack the first image. */
typedef struct preview {
  hsize_t height, width;
  double *sum, *count;
} preview;

static hsize_t reduced(uint64_t extent, int64_t size) {
  return extent < (uint64_t)size ? (hsize_t)extent : (hsize_t)size;
}

static int add_rows(daybook_call* call, const daybook_value* image, preview* out) {
  const uint64_t rows = image->shape[image->rank - 2], columns = image->shape[image->rank - 1];
  double* row = malloc(columns * sizeof *row);
  if (row == NULL) return host->fail(call, "no memory for a row of the image");
  for (uint64_t y = 0; y < rows; ++y) {
    if (host->read_numbers(call, y * columns, columns, row) != 0) {
      free(row);
      return -1; /* the host has said why */
    }
    for (uint64_t x = 0; x < columns; ++x) {
      const uint64_t pixel = y * out->height / rows * out->width + x * out->width / columns;
      if (!isfinite(row[x])) continue;
      out->sum[pixel] += row[x];
      out->count[pixel] += 1;
    }
  }
  free(row);
  return 0;
}

/* From the smallest value, black, to the largest, white. */
static void to_bytes(const preview* from, unsigned char* out) {
  const hsize_t pixels = from->height * from->width;
  double least = HUGE_VAL, most = -HUGE_VAL;
  for (hsize_t i = 0; i < pixels; ++i) {
    if (from->count[i] == 0) continue;
    const double mean = from->sum[i] / from->count[i];
    if (mean < least) least = mean;
    if (mean > most) most = mean;
  }
  for (hsize_t i = 0; i < pixels; ++i) {
    const double mean = from->count[i] == 0 ? least : from->sum[i] / from->count[i];
    out[i] = most > least ? (unsigned char)lround(255 * (mean - least) / (most - least)) : 0;
  }
}

static int put_text(hid_t object, const char* name, const char* text) {
  const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, strlen(text) + 1);
  const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  const int failed = attribute < 0 || H5Awrite(attribute, type, text) < 0;
  if (attribute >= 0) H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
  return failed;
}

/* As HDF5's image convention has it, so that HDFView shows a picture and not a table. */
static int write_image(hid_t file, const char* path, const preview* size, const unsigned char* bytes) {
  const hsize_t extents[2] = {size->height, size->width};
  const hid_t space = H5Screate_simple(2, extents, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(creation, 0); /* the same run gives the same file */
  const hid_t dataset = H5Dcreate2(file, path, H5T_STD_U8LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  int failed = dataset < 0 || H5Dwrite(dataset, H5T_NATIVE_UCHAR, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) < 0 ||
               put_text(dataset, "CLASS", "IMAGE") || put_text(dataset, "IMAGE_VERSION", "1.2") ||
               put_text(dataset, "IMAGE_SUBCLASS", "IMAGE_GRAYSCALE");
  if (dataset >= 0) H5Dclose(dataset);
  H5Pclose(creation);
  H5Sclose(space);
  return failed;
}

static int write_preview(daybook_call* call, int64_t file, const char* path, void* user) {
  (void)user;
  daybook_value image;
  daybook_scalar size;
  if (host->value(call, &image) != 0 || host->option(call, "size", 0, &size) != 0) return -1;
  preview out = {reduced(image.shape[image.rank - 2], size.integer), reduced(image.shape[image.rank - 1], size.integer),
                 NULL, NULL};
  const hsize_t pixels = out.height * out.width;
  out.sum = calloc(pixels, sizeof *out.sum);
  out.count = calloc(pixels, sizeof *out.count);
  unsigned char* bytes = malloc(pixels);
  int failed = -1;
  if (out.sum == NULL || out.count == NULL || bytes == NULL) {
    host->fail(call, "no memory for the preview");
  } else if (add_rows(call, &image, &out) == 0) {
    to_bytes(&out, bytes);
    failed = write_image((hid_t)file, path, &out, bytes) ? host->fail(call, "HDF5 does not take the preview") : 0;
  }
  free(bytes);
  free(out.count);
  free(out.sum);
  return failed;
}

static int is_image(const daybook_value* value) { return value->is_number && value->rank >= 2 && value->count > 0; }

static int add_previews(daybook_call* call, void* user) {
  (void)user;
  daybook_scalar group;
  if (host->option(call, "group", 0, &group) != 0) return -1;
  const size_t nodes = host->node_count(call); /* what is added comes behind these */
  for (size_t i = 0; i < nodes; ++i) {
    daybook_value value;
    if (!host->selected(call, i) || host->node_form(call, i) != DAYBOOK_AS_DATASET) continue;
    if (host->node_value(call, i, &value) != 0 || !is_image(&value)) continue; /* one that cannot be stored */
    const daybook_text path = host->node_path(call, i);
    char* to = malloc(group.text.size + path.size + 1);
    if (to == NULL) return host->fail(call, "no memory for a path");
    sprintf(to, "%s%s", group.text.data, path.data);
    const int failed = host->add_custom(call, to, "8-bit preview", i, write_preview, NULL, NULL, NULL);
    free(to);
    if (failed) return -1;
  }
  return 0;
}

static int check_options(daybook_call* call, void* user) {
  (void)user;
  daybook_scalar group;
  if (host->option(call, "group", 0, &group) != 0) return -1;
  if (group.text.size < 2 || group.text.data[0] != '/')
    return host->fail(call, "option group must be a path such as \"/thumbnails\"");
  return 0;
}

uint32_t daybook_plugin_abi(void) { return DAYBOOK_PLUGIN_ABI; }

int daybook_plugin_register(const daybook_host* given, daybook_registry* registry) {
  const daybook_option options[] = {
      {"group", "where the previews go, each below it at its image's path", DAYBOOK_TEXT, 0, "\"/thumbnails\"", 0, 0,
       NULL},
      {"size", "most pixels along an edge", DAYBOOK_INTEGER, 0, "128", 1, 4096, NULL},
  };
  daybook_transform thumbnail = {0};
  host = given;
  thumbnail.name = "thumbnail";
  thumbnail.summary = "Puts a small 8-bit preview of every image beside the data.";
  thumbnail.options = options;
  thumbnail.option_count = sizeof options / sizeof *options;
  thumbnail.selects = 1;
  thumbnail.check = check_options;
  thumbnail.apply = add_previews;
  return host->add_transform(registry, &thumbnail);
}
