#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "daybook/journal/error.h"
#include "daybook/materializer/plan.h"

namespace daybook::python {

// A plan while a Python callable edits it.
class PlanHandle {
 public:
  PlanHandle(Plan& plan, std::string transform) : plan_(&plan), transform_(std::move(transform)) {}

  [[nodiscard]] Plan& plan() const {
    if (plan_ == nullptr)
      throw InvalidError("a plan can be used only by the function that it was given to, while that runs");
    return *plan_;
  }
  [[nodiscard]] const std::string& transform() const { return transform_; }  // who edits, for messages
  void end() { plan_ = nullptr; }

  // Nodes may stand elsewhere now: those at hand are of no use any more.
  void shuffle() { ++generation_; }
  [[nodiscard]] std::size_t generation() const { return generation_; }

 private:
  Plan* plan_;
  std::string transform_;
  std::size_t generation_ = 0;
};

// One node of it, until the nodes are shuffled.
class NodeHandle {
 public:
  NodeHandle(std::shared_ptr<PlanHandle> of, std::size_t at)
      : plan(std::move(of)), index_(at), generation_(plan->generation()) {}

  [[nodiscard]] Node& node() const {
    Plan& whole = plan->plan();
    if (generation_ != plan->generation())
      throw InvalidError("plan.apply() may have put the nodes elsewhere: look for this one again");
    return whole.nodes.at(index_);
  }

  std::shared_ptr<PlanHandle> plan;

 private:
  std::size_t index_, generation_;
};

}  // namespace daybook::python
