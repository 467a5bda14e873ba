#include "crash/lab.h"
namespace daybook::crash { Tally run_kills(const Order&) { return {}; } Tally run_faults(const Order&) { return {}; } }
