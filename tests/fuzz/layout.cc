// Layout files of any content.
#include "daybook/materializer/layout.h"

#include "daybook/journal/error.h"
#include "fuzz/target.h"

using namespace daybook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Workplace folder;
  static const TransformRegistry registry = built_in_transforms();
  const auto file = folder / "layout.toml";
  fuzz::write(file, fuzz::bytes_of(data, size));
  try {
    static_cast<void>(load_layout(file, registry).digest());
  } catch (const InvalidError&) {
  } catch (const UnsupportedError&) {
  } catch (const StorageError&) {  // it includes what is not there
  }
  return 0;
}
