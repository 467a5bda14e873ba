// main() of every Catch2 program here. Each run through a test case starts in an empty directory of its own, its working
// directory: removed when the run passed, kept and named when it failed. DAYBOOK_SCRATCH says where (default: /tmp).

#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>

namespace {

class FreshDirectory : public Catch::TestEventListenerBase {
 public:
  using TestEventListenerBase::TestEventListenerBase;

  // The outermost section is the test case itself; it is entered once for each path through its sections and generators.
  void sectionStarting(const Catch::SectionInfo& section) override {
    TestEventListenerBase::sectionStarting(section);
    if (depth_++ == 0) enter();
  }
  void sectionEnded(const Catch::SectionStats& section) override {
    if (--depth_ == 0) leave(section.assertions.allOk());
    TestEventListenerBase::sectionEnded(section);
  }

 private:
  void enter() {
    const char* scratch = std::getenv("DAYBOOK_SCRATCH");
    const std::filesystem::path parent = scratch != nullptr ? scratch : "/tmp";
    std::filesystem::create_directories(parent);
    std::string name = parent / "test-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a directory in " + parent.string());
    directory_ = name;
    home_ = std::filesystem::current_path();
    std::filesystem::current_path(directory_);
  }
  void leave(bool passed) {
    std::filesystem::current_path(home_);
    if (passed)
      std::filesystem::remove_all(directory_);
    else
      std::cerr << "kept: " << directory_.string() << '\n';
  }

  int depth_ = 0;
  std::filesystem::path directory_, home_;
};

}  // namespace

CATCH_REGISTER_LISTENER(FreshDirectory)
