/* A Daybook plug-in: a shared library with transforms of its own, loaded by name: daybook replay --plugin ./libmine.so
 *
 * Plain C (C99, C++98 and later). A plug-in links against nothing of Daybook: it is handed a table of functions. It exports
 *     uint32_t daybook_plugin_abi(void)                 returns DAYBOOK_PLUGIN_ABI
 *     int daybook_plugin_register(const daybook_host*, daybook_registry*)
 *
 * Rules
 * - One thread: Daybook calls a plug-in, and a plug-in calls the host, on one thread and only during a call.
 * - A `daybook_call*`, and every text it gave out, is good until the function that was called with it returns.
 *   Texts are UTF-8 as a rule, but keys are whatever the experiment wrote; a NUL follows the last byte.
 * - What a plug-in passes in is copied, except functions and `user` pointers.
 * - A function that can fail returns 0 or, having failed, -1 with a text. A plug-in does likewise:
 *       return host->fail(call, "what went wrong");
 *   or, after a host function failed, just return -1. The transform then fails with that text, and nothing is written.
 *   A plug-in may also go on after such a failure and return 0.
 * - No C++ exception and no longjmp may leave a plug-in's function.
 * - The library stays loaded while anything made by it is alive.
 * - A transform must do the same to the same plan, every time, and touch no file. Only a custom node's `write` may use
 *   HDF5: the same library that Daybook uses (Debian's libhdf5), and it closes every id that it opens.
 *
 * DAYBOOK_PLUGIN_ABI changes when anything here changes its meaning; Daybook refuses a plug-in with another number.
 * New functions are only ever put behind the last one: check `size` before using one that an older Daybook lacks. */
#ifndef DAYBOOK_PLUGIN_H
#define DAYBOOK_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* C's names. NOLINTBEGIN(readability-identifier-naming) */

#define DAYBOOK_PLUGIN_ABI 1u
#define DAYBOOK_MOST_DIMENSIONS 32
#define DAYBOOK_NO_NODE ((size_t)-1)

#if defined(__GNUC__)
#define DAYBOOK_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define DAYBOOK_PLUGIN_EXPORT
#endif

typedef struct daybook_registry daybook_registry;
typedef struct daybook_call daybook_call;

typedef struct daybook_text {
  const char* data; /* NULL: there is none */
  size_t size;
} daybook_text;

/* ---- Options ---------------------------------------------------------------------------------------------------- */

enum daybook_option_type {
  DAYBOOK_BOOLEAN = 0,
  DAYBOOK_INTEGER = 1, /* least … most */
  DAYBOOK_NUMBER = 2,  /* an integer or a float */
  DAYBOOK_TEXT = 3,
  DAYBOOK_CHOICE = 4,   /* one of `choices` */
  DAYBOOK_TEXTS = 5,    /* a list of texts, or a single one */
  DAYBOOK_INTEGERS = 6, /* a list of integers, each least … most */
  DAYBOOK_TABLE = 7     /* names with booleans, numbers or texts */
};

typedef struct daybook_option {
  const char* name; /* lower case, such as "min-size" */
  const char* help; /* one line */
  int32_t type;     /* daybook_option_type */
  int32_t required;
  const char* otherwise;      /* the default, as a layout file says it: "4", "true", "\"MHz\"", "[1, 2]"; NULL: none */
  int64_t least, most;        /* both 0: any */
  const char* const* choices; /* ended by NULL; of DAYBOOK_CHOICE only, else NULL */
} daybook_option;

/* One number, text or truth. */
typedef struct daybook_scalar {
  int32_t type; /* DAYBOOK_BOOLEAN and DAYBOOK_INTEGER: `integer`; DAYBOOK_NUMBER: `number`; DAYBOOK_TEXT: `text` */
  int64_t integer;
  double number;
  daybook_text text;
} daybook_scalar;

/* ---- What a plug-in brings --------------------------------------------------------------------------------------- */

typedef struct daybook_transform {
  const char* name;    /* as layouts use it: lower case letters, digits and "-" */
  const char* summary; /* one sentence */
  const daybook_option* options;
  size_t option_count;
  int32_t selects; /* takes keys, except, paths, types, min-rank … too: see host->selected() */
  int32_t omits;   /* may leave datasets out of the file */
  /* Refuses options that only the transform itself can judge, when a layout is read. May be NULL. */
  int (*check)(daybook_call* call, void* user);
  /* Edits the plan. */
  int (*apply)(daybook_call* call, void* user);
  void* user;
} daybook_transform;

/* Writes an object at `path` by itself. `file` is the open file's hid_t. `call` gives the node's value, and options.
 * What it leaves open or half done is its own fault; if it fails, whatever stands at `path` is removed again. */
typedef int (*daybook_write)(daybook_call* call, int64_t file, const char* path, void* user);

/* ---- What the plan says -------------------------------------------------------------------------------------------- */

enum daybook_form {
  DAYBOOK_AS_DATASET = 0,
  DAYBOOK_AS_TABLE = 1,
  DAYBOOK_AS_GROUP = 2,
  DAYBOOK_AS_ATTRIBUTE = 3,
  DAYBOOK_AS_FIELD = 4, /* of a table */
  DAYBOOK_AS_LINK = 5,
  DAYBOOK_OMITTED = 6,
  DAYBOOK_REFUSED = 7, /* cannot be written */
  DAYBOOK_CUSTOM = 8
};

enum daybook_group { DAYBOOK_NO_GROUP = -1, DAYBOOK_DATASETS = 0, DAYBOOK_ARCHIVE = 1 };

typedef struct daybook_value {
  daybook_text type; /* as NumPy spells it: "<f8", "|b1", "|S4"; variable length: "str", "bytes" */
  int32_t is_number; /* read_numbers() can read it */
  size_t rank;       /* 0: a scalar */
  uint64_t shape[DAYBOOK_MOST_DIMENSIONS];
  uint64_t count;        /* of elements */
  uint64_t element_size; /* bytes; 0: of variable length */
} daybook_value;

/* ---- The host -------------------------------------------------------------------------------------------------------- */

typedef struct daybook_host {
  size_t size; /* of this table, in bytes */

  /* In daybook_plugin_register() only. -1: refused, and the plug-in will not be loaded; the text says why. */
  int (*add_transform)(daybook_registry* registry, const daybook_transform* transform);
  /* Why registering fails; returns -1. */
  int (*fail_registering)(daybook_registry* registry, const char* text);

  /* Sets the text of a failure; returns -1. */
  int (*fail)(daybook_call* call, const char* text);

  /* Options. How many values one has: 0 if not given and without a default, 1, or as many as a list or table has. */
  size_t (*option_size)(daybook_call* call, const char* name);
  int (*option)(daybook_call* call, const char* name, size_t index, daybook_scalar* out);
  int (*option_name)(daybook_call* call, const char* name, size_t index, daybook_text* out); /* in a table */

  /* Nodes, in apply(): 0 … node_count() - 1. Numbers stay while a transform works; what it adds comes last. A text without
   * data is the answer where there is nothing of the kind, or no such node. */
  size_t (*node_count)(daybook_call* call);
  int (*selected)(daybook_call* call, size_t node); /* 1: the transform is for it. Only those may be edited */
  daybook_text (*node_path)(daybook_call* call, size_t node);
  daybook_text (*node_key)(daybook_call* call, size_t node); /* of the dataset or archived value it stands for */
  int32_t (*node_group)(daybook_call* call, size_t node);    /* daybook_group */
  int32_t (*node_form)(daybook_call* call, size_t node);     /* daybook_form; -1: no such node */
  daybook_text (*node_origin)(daybook_call* call, size_t node);
  int (*node_value)(daybook_call* call, size_t node, daybook_value* out);
  size_t (*attribute_count)(daybook_call* call, size_t node);
  daybook_text (*attribute_name)(daybook_call* call, size_t node, size_t index);
  int (*attribute)(daybook_call* call, size_t node, const char* name, daybook_scalar* out); /* fails for an array */

  /* Edits, in apply(), of selected nodes and of what the transform itself has added. */
  int (*set_path)(daybook_call* call, size_t node, const char* path); /* "/a/b" */
  int (*omit)(daybook_call* call, size_t node, const char* reason);   /* of a transform with `omits` */
  int (*set_chunk)(daybook_call* call, size_t node, size_t rank, const uint64_t* shape);
  int (*clear_filters)(daybook_call* call, size_t node);
  int (*add_filter)(daybook_call* call, size_t node, int32_t id, const char* name, size_t option_count,
                    const uint32_t* options); /* HDF5's registered number and cd_values */
  int (*set_attribute)(daybook_call* call, size_t node, const char* name, const daybook_scalar* value);
  int (*make_attribute)(daybook_call* call, size_t node, const char* object, const char* name);
  /* A constant. `type` is a number's or fixed string's, "<f8", "|u1", "|S4", and `data` are its elements in C order;
   * or "str", and `data` are as many const char*. `node` may be NULL. */
  int (*add_dataset)(daybook_call* call, const char* path, const char* type, size_t rank, const uint64_t* shape,
                     const void* data, size_t* node);
  /* A node that writes itself, with the value of node `source`, or without one (DAYBOOK_NO_NODE). `release` (may be NULL)
   * is called with `user` when the node is gone for good; not if add_custom() failed. `what`: for people. */
  int (*add_custom)(daybook_call* call, const char* path, const char* what, size_t source, daybook_write write,
                    void* user, void (*release)(void* user), size_t* node);
  /* The node itself becomes one. Its attributes are added to the object afterwards. */
  int (*make_custom)(daybook_call* call, size_t node, const char* what, daybook_write write, void* user,
                     void (*release)(void* user));

  /* The value, in a daybook_write. */
  int (*value)(daybook_call* call, daybook_value* out); /* fails for a node without one */
  /* Elements first … first + count - 1 as they are, count * element_size bytes. */
  int (*read)(daybook_call* call, uint64_t first, uint64_t count, void* out);
  int (*read_numbers)(daybook_call* call, uint64_t first, uint64_t count, double* out);
  int (*read_texts)(daybook_call* call, uint64_t first, uint64_t count,
                    daybook_text* out); /* good until the next read */
} daybook_host;

DAYBOOK_PLUGIN_EXPORT uint32_t daybook_plugin_abi(void);
DAYBOOK_PLUGIN_EXPORT int daybook_plugin_register(const daybook_host* host, daybook_registry* registry);

/* NOLINTEND(readability-identifier-naming) */

#ifdef __cplusplus
}
#endif
#endif
