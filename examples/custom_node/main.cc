// Makes the file of a run with a transform of its own, whose nodes write themselves with the raw HDF5 API.
//     custom_node RUN.daybook OUT.h5 LAYOUT.toml
#include <hdf5.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <vector>

#include "daybook/journal/error.h"
#include "daybook/journal/reader.h"
#include "daybook/materializer/materialize.h"

namespace {

using namespace daybook;

// Writes a float array as integers of 12 bits: what our ADC had.
void write_adc(std::int64_t file, const std::string& path, const StoredValue* value) {
  if (value->form != Form::array || value->type != Type::of<double>())
    throw InvalidError("the ADC's samples are an array of float64");
  std::vector<double> volts(value->count());
  value->elements->read(0, volts.size(), reinterpret_cast<std::byte*>(volts.data()));
  std::vector<std::int16_t> samples(volts.size());
  std::transform(volts.begin(), volts.end(), samples.begin(),
                 [](double v) { return static_cast<std::int16_t>(std::lround(v * 204.7)); });

  const std::vector<hsize_t> extents(value->shape.begin(), value->shape.end());
  const hid_t type = H5Tcopy(H5T_STD_I16LE);
  H5Tset_precision(type, 12);
  const hid_t space = H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(creation, false);  // else two files of one run differ
  const hid_t dataset = H5Dcreate2(file, path.c_str(), type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  const bool written =
      dataset >= 0 && H5Dwrite(dataset, H5T_NATIVE_SHORT, H5S_ALL, H5S_ALL, H5P_DEFAULT, samples.data()) >= 0;
  if (dataset >= 0) H5Dclose(dataset);
  H5Pclose(creation);
  H5Sclose(space);
  H5Tclose(type);
  if (!written) throw StorageError("HDF5 does not take the ADC's samples");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  TransformRegistry registry = built_in_transforms();
  registry.add({.name = "adc", .summary = "Keeps the ADC's samples as it had them.", .options = {}, .selects = true},
               [](const CheckedOptions& options) -> Transform {
                 return [selection = Selection(options)](Plan& plan) {
                   for (Node& node : plan.nodes) {
                     if (!selection.matches(plan, node) || !std::holds_alternative<AsDataset>(node.form)) continue;
                     node.form = Custom{"12-bit samples", write_adc};
                     node.origin = "adc";
                   }
                 };
               });
  try {
    MaterializeOptions options;
    options.layout = load_layout(argv[3], registry);
    const MaterializeReport report = materialize(Reader(argv[1]), argv[2], options);
    for (const Refusal& refusal : report.refused) std::cerr << refusal.key << ": " << refusal.reason << "\n";
    return report.refused.empty() ? 0 : 1;
  } catch (const Error& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
}
