#pragma once

#include <memory>

#include "daybook/materializer/array_fold.h"
#include "daybook/materializer/list_fold.h"
#include "daybook/materializer/replay.h"

namespace daybook::detail {

// The elements of a scalar, an array or a run of either, where they stand.
// `parts`: what of its bytes has not been checked yet; only for types of fixed size.
std::unique_ptr<Elements> elements_of_value(Value value, const std::vector<UncheckedPart>& parts = {});
std::unique_ptr<Elements> elements_of_number(const WholeNumber& number);
std::unique_ptr<Elements> elements_of_array(std::shared_ptr<const ArrayFold> array);
// The leaves of a list, each cast to `type`; `per_item` of them an item.
std::unique_ptr<Elements> elements_of_list(std::shared_ptr<const ListFold> list, const Type& type,
                                           std::uint64_t per_item);
// `count` fixed strings of one NUL: NumPy has no shorter ones.
std::unique_ptr<Elements> empty_strings();

// InvalidError if a variable-length string cannot be HDF5's: a NUL inside, or text that is not UTF-8.
void check_texts(const Elements& elements, const Type& type, std::uint64_t count);

}  // namespace daybook::detail
