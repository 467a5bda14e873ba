#pragma once

// The pipe over which a writer reports what has returned: what was written into it survives the writer.

#include <vector>

#include "crash/recorder.h"
#include "crash/writer.h"

namespace daybook::crash {

class Wire {
 public:
  Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire();
  // In the child.
  [[nodiscard]] Report report() const;
  // In the parent, once the child is on its way: everything until its end.
  std::vector<Mark> read_all();

 private:
  int in_ = -1, out_ = -1;
};

}  // namespace daybook::crash
