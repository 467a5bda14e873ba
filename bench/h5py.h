#pragma once

#include <filesystem>
#include <string>

namespace bench {

// Seconds that h5py takes to write `shapes` (a name of bench/h5py_shapes.py), as ARTIQ does, with the file synced and in
// place like Daybook's. In a Python process that waits for such orders; it measures, so that nothing of the way to it
// counts. Throws when there is no h5py.
double written_by_h5py(const std::string& shapes, const std::filesystem::path& file);

}  // namespace bench
