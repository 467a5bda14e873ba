/* Plug-ins for the tests that are wrong in one way each: compiled with -DWRONG_… */
#include "daybook/materializer/daybook_plugin.h"

static int apply(daybook_call* call, void* user) {
  (void)call, (void)user;
  return 0;
}

uint32_t daybook_plugin_abi(void) {
#ifdef WRONG_ABI
  return 77;
#else
  return DAYBOOK_PLUGIN_ABI;
#endif
}

#ifndef WRONG_NO_ENTRY
int daybook_plugin_register(const daybook_host* host, daybook_registry* registry) {
  static const daybook_option option = {"level", "how much", DAYBOOK_INTEGER, 0, "11", 0, 9, NULL};
  daybook_transform transform = {"good", "Does nothing.", &option, 0, 0, 0, NULL, apply, NULL};
#if defined(WRONG_DEFAULT)
  transform.option_count = 1;
#elif defined(WRONG_TAKEN)
  if (host->add_transform(registry, &transform) != 0) return -1;
  transform.name = "compress";
#elif defined(WRONG_NAME)
  transform.name = "../evil";
#elif defined(WRONG_NONE)
  return 0;
#elif defined(WRONG_REFUSES)
  return host->fail_registering(registry, "no licence");
#endif
  return host->add_transform(registry, &transform);
}
#endif
