#include "crash/lab.h"
namespace daybook::crash {
Tally run_faults(const Order&) { return {}; }
}  // namespace daybook::crash
