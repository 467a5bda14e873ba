#include "daybook/journal/bulk_hash.h"

#include "daybook/journal/bulk_hash.inc"

namespace daybook::detail {

const BulkHash bulk_hash_plain{hash, copy_and_hash};

const BulkHash& bulk_hash() {
#if defined(__x86_64__)
  static const BulkHash& chosen = __builtin_cpu_supports("avx2") != 0 ? bulk_hash_avx2 : bulk_hash_plain;
  return chosen;
#else
  return bulk_hash_plain;
#endif
}

}  // namespace daybook::detail
