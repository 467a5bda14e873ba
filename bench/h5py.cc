#include "h5py.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "harness.h"

namespace bench {
namespace {

class Python {
 public:
  Python() {
    std::array<int, 2> orders{}, answers{};
    require(::pipe(orders.data()) == 0 && ::pipe(answers.data()) == 0, "make pipes to Python");
    const pid_t child = ::fork();
    require(child >= 0, "start Python");
    if (child == 0) {
      ::dup2(orders[0], STDIN_FILENO);
      ::dup2(answers[1], STDOUT_FILENO);
      for (const int end : {orders[0], orders[1], answers[0], answers[1]}) ::close(end);
      ::execl("/usr/bin/python3", "python3", DAYBOOK_BENCH_SHAPES, static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::close(orders[0]);
    ::close(answers[1]);
    orders_ = ::fdopen(orders[1], "w");
    answers_ = ::fdopen(answers[0], "r");
    require(orders_ != nullptr && answers_ != nullptr, "talk to Python");
  }
  Python(const Python&) = delete;
  Python& operator=(const Python&) = delete;
  ~Python() {  // it ends with its orders
    std::fclose(orders_);
    std::fclose(answers_);
  }

  double write(const std::string& shapes, const std::filesystem::path& file) {
    std::fprintf(orders_, "%s %s\n", shapes.c_str(), file.c_str());
    std::fflush(orders_);
    std::array<char, 1024> answer{};
    require(std::fgets(answer.data(), answer.size(), answers_) != nullptr, "h5py is not there (python3-h5py)");
    char* end = nullptr;
    const double seconds = std::strtod(answer.data(), &end);
    require(end != answer.data(), "h5py: " + std::string(answer.data()));
    return seconds;
  }

 private:
  std::FILE* orders_ = nullptr;
  std::FILE* answers_ = nullptr;
};

}  // namespace

double written_by_h5py(const std::string& shapes, const std::filesystem::path& file) {
  static Python python;
  return python.write(shapes, file);
}

}  // namespace bench
