/* A plug-in for the tests: one edit of one node, whatever is asked for, also wrong ones. */
#include <stdio.h>
#include <string.h>

#include "daybook/materializer/daybook_plugin.h"

static const daybook_host* host;
static int released;

static daybook_scalar get(daybook_call* call, const char* name) {
  daybook_scalar value = {0, 0, 0, {"", 0}};
  host->option(call, name, 0, &value);
  return value;
}

static size_t find(daybook_call* call, const char* path) {
  for (size_t i = 0; i < host->node_count(call); ++i)
    if (strcmp(host->node_path(call, i).data, path) == 0) return i;
  return DAYBOOK_NO_NODE;
}

/* Fails with what it saw, so that the test can see it, too. */
static int write_sum(daybook_call* call, int64_t file, const char* path, void* user) {
  daybook_value value;
  double numbers[16], sum = 0;
  daybook_text texts[2];
  char said[200];
  if (host->value(call, &value) != 0) return -1;
  if (value.element_size == 0) {
    if (host->read_texts(call, 0, 2, texts) != 0) return -1;
    snprintf(said, sizeof said, "%s: %s and %s of type %s", path, texts[0].data, texts[1].data, value.type.data);
    return host->fail(call, said);
  }
  if (host->read_numbers(call, 0, value.count, numbers) != 0) return -1;
  for (uint64_t i = 0; i < value.count; ++i) sum += numbers[i];
  snprintf(said, sizeof said, "%s in %d: %d dimensions, sum %g, scale %s, user %s", path, (int)file, (int)value.rank,
           sum, get(call, "text").text.data, (const char*)user);
  return host->fail(call, said);
}

static int write_beyond(daybook_call* call, int64_t file, const char* path, void* user) {
  double number;
  (void)file, (void)path, (void)user;
  return host->read_numbers(call, 1000, 1, &number);
}

static void count_release(void* user) {
  (void)user;
  ++released;
}

/* All there is to know of a node, as a failure's text. */
static int tell(daybook_call* call, size_t node) {
  char said[500];
  daybook_value value;
  daybook_scalar attribute = {0, 0, 0, {"", 0}};
  const daybook_text key = host->node_key(call, node), name = host->attribute_name(call, node, 0);
  const int has_value = host->node_value(call, node, &value) == 0;
  if (name.data != NULL && host->attribute(call, node, name.data, &attribute) != 0) return -1;
  snprintf(
      said, sizeof said, "path %s key %s group %d form %d origin %s type %s rank %d count %d attributes %d %s=%g%s",
      host->node_path(call, node).data, key.data == NULL ? "-" : key.data, (int)host->node_group(call, node),
      (int)host->node_form(call, node), host->node_origin(call, node).data, has_value ? value.type.data : "-",
      has_value ? (int)value.rank : -1, has_value ? (int)value.count : -1, (int)host->attribute_count(call, node),
      name.data == NULL ? "-" : name.data, attribute.number, attribute.text.data == NULL ? "" : attribute.text.data);
  return host->fail(call, said);
}

static int tell_options(daybook_call* call) {
  char said[500] = "";
  for (size_t i = 0; i < host->option_size(call, "table"); ++i) {
    daybook_text name;
    daybook_scalar value;
    char item[100];
    if (host->option_name(call, "table", i, &name) != 0 || host->option(call, "table", i, &value) != 0) return -1;
    snprintf(item, sizeof item, "%s:%d:%g:%s ", name.data, (int)value.type, value.number,
             value.text.data == NULL ? "" : value.text.data);
    strcat(said, item);
  }
  return host->fail(call, said);
}

static int apply(daybook_call* call, void* user) {
  const daybook_text what = get(call, "what").text, text = get(call, "text").text;
  const size_t node = find(call, get(call, "at").text.data);
  uint64_t shape[DAYBOOK_MOST_DIMENSIONS];
  const size_t rank = host->option_size(call, "numbers");
  const daybook_scalar scalar = {DAYBOOK_NUMBER, 0, 2.5, {NULL, 0}};
  size_t added;
  (void)user;
  for (size_t i = 0; i < rank; ++i) {
    daybook_scalar number;
    if (host->option(call, "numbers", i, &number) != 0) return -1;
    shape[i] = (uint64_t)number.integer;
  }
#define IS(word) (strcmp(what.data, word) == 0)
  if (IS("nothing")) return 0;
  if (IS("tell")) return tell(call, node);
  if (IS("options")) return tell_options(call);
  if (IS("fail")) return host->fail(call, text.data);
  if (IS("fail silently")) return -1;
  if (IS("forgive")) return host->set_path(call, node, "no path"), 0;
  if (IS("ask")) return host->option(call, "no such option", 0, &(daybook_scalar){0, 0, 0, {NULL, 0}});
  if (IS("value")) return host->value(call, &(daybook_value){.count = 0});
  if (IS("move")) return host->set_path(call, node, text.data);
  if (IS("omit")) return host->omit(call, node, text.data);
  if (IS("chunk")) return host->set_chunk(call, node, rank, shape);
  if (IS("filter"))
    return host->clear_filters(call, node) ||
           host->add_filter(call, node, (int32_t)shape[0], "some", 1, (uint32_t[]){7});
  if (IS("attribute")) return host->set_attribute(call, node, text.data, &scalar);
  if (IS("make attribute")) return host->make_attribute(call, node, text.data, "it");
  if (IS("add"))
    return host->add_dataset(call, text.data, "<u4", 2, (uint64_t[]){1, 2}, (uint32_t[]){5, 6}, &added) ||
           host->set_attribute(call, added, "own", &scalar);
  if (IS("add texts"))
    return host->add_dataset(call, text.data, "str", 1, (uint64_t[]){2}, (const char*[]){"a", "\xc2\xb5"}, NULL);
  if (IS("add type")) return host->add_dataset(call, "/x", text.data, 0, NULL, &scalar, NULL);
  if (IS("custom")) return host->add_custom(call, text.data, "sum", node, write_sum, "mine", count_release, NULL);
  if (IS("become custom")) return host->make_custom(call, node, "beyond", write_beyond, NULL, NULL);
  return host->fail(call, "no such edit");
}

static int check(daybook_call* call, void* user) {
  const daybook_text what = get(call, "what").text;
  (void)user;
  if (IS("refuse")) return host->fail(call, "option what: this one is not liked");
  if (IS("early")) return host->node_count(call) != 0 ? -1 : host->set_path(call, 0, "/x");
  return 0;
}

DAYBOOK_PLUGIN_EXPORT int times_released(void) { return released; }

uint32_t daybook_plugin_abi(void) { return DAYBOOK_PLUGIN_ABI; }

int daybook_plugin_register(const daybook_host* given, daybook_registry* registry) {
  static const daybook_option options[] = {
      {"what", "the edit", DAYBOOK_TEXT, 1, NULL, 0, 0, NULL},
      {"at", "the node's path", DAYBOOK_TEXT, 0, "\"/\"", 0, 0, NULL},
      {"text", "for the edit", DAYBOOK_TEXT, 0, "\"\"", 0, 0, NULL},
      {"numbers", "for the edit", DAYBOOK_INTEGERS, 0, NULL, 0, 1000000000000, NULL},
      {"table", "for the edit", DAYBOOK_TABLE, 0, NULL, 0, 0, NULL},
  };
  daybook_transform transform = {"edit", "One edit.", options, 5, 0, 0, check, apply, NULL};
  host = given;
  if (host->size < sizeof *host) return host->fail_registering(registry, "this Daybook is too old");
  if (host->add_transform(registry, &transform) != 0) return -1;
  transform.name = "edit-selected";
  transform.selects = transform.omits = 1;
  return host->add_transform(registry, &transform);
}
