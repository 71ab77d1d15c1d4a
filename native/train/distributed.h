// One training over several processes, by LibTorch's process groups. No LibTorch in this header.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

#include "nevus/result.h"

namespace at {
class Tensor;
}

namespace nevus {

/// Another process is gone; what() says so in a line for people.
class DistributedError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A process among those of a training. The environment says which, as torchrun, Slurm's and
/// Kubernetes' launchers set it: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, LOCAL_RANK (the GPU).
/// Without RANK and WORLD_SIZE it is alone, and everything here does nothing.
///
/// Every function below must be called by all processes in the same order. They throw
/// DistributedError where another process is gone.
class Distributed {
 public:
  /// Meets the other processes. Errors: a variable that is missing or no number, nobody at
  /// MASTER_ADDR within five minutes.
  /// @param cuda  NCCL over GPUs, else Gloo over CPUs
  static Result<Distributed> join(bool cuda);

  int rank() const { return rank_; }
  int world() const { return world_; }
  /// The GPU of this process on its machine.
  int local_rank() const { return local_rank_; }
  /// The one that writes files and speaks.
  bool leads() const { return rank_ == 0; }

  /// Adds up over all processes, in place.
  void sum(std::span<double> values) const;
  void sum(at::Tensor& tensor) const;
  /// True where it is for any of them.
  bool any(bool value) const;

  Distributed(Distributed&&) noexcept;
  Distributed& operator=(Distributed&&) noexcept;
  ~Distributed();

 private:
  Distributed();
  struct Impl;
  std::unique_ptr<Impl> impl_;
  int rank_ = 0, world_ = 1, local_rank_ = 0;
};

/// Does the environment say that this is one of several processes?
bool is_distributed();
/// RANK, 0 where there is none.
int distributed_rank();

}  // namespace nevus
