// LibTorch's c10d process groups behind three functions.
#include "train/distributed.h"

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#if defined(USE_C10D_NCCL)
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#include <torch/types.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>

namespace nevus {
namespace {

// To meet; and for the slowest of them to come to the next exchange, a validation included.
constexpr std::chrono::minutes kMeeting{5}, kPatience{30};

std::optional<int> number(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  int value = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  return error == std::errc() && stop == end && value >= 0 ? std::optional<int>(value)
                                                           : std::nullopt;
}

std::string first_line(const char* text) {
  const std::string all(text);
  return all.substr(0, std::min<std::size_t>(all.find('\n'), 300));
}

}  // namespace

struct Distributed::Impl {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::Backend> group;
  bool cuda = false;
};

Distributed::Distributed() = default;
Distributed::Distributed(Distributed&&) noexcept = default;
Distributed& Distributed::operator=(Distributed&&) noexcept = default;
Distributed::~Distributed() = default;

bool is_distributed() {
  const char* world = std::getenv("WORLD_SIZE");
  return world != nullptr && std::strcmp(world, "1") != 0;
}

int distributed_rank() {
  return is_distributed() ? number("RANK").value_or(0) : 0;
}

Result<Distributed> Distributed::join(bool cuda) {
  Distributed self;
  if (!is_distributed()) return self;
  const auto rank = number("RANK"), world = number("WORLD_SIZE"), port = number("MASTER_PORT");
  const char* address = std::getenv("MASTER_ADDR");
  if (!rank || !world || !port || *world < 1 || *rank >= *world || address == nullptr) {
    return Error{
        "WORLD_SIZE is set, so RANK (0 to WORLD_SIZE - 1), MASTER_ADDR and MASTER_PORT are needed "
        "too: start with torchrun or another launcher that sets them",
        ""};
  }
  self.rank_ = *rank;
  self.world_ = *world;
  self.local_rank_ = number("LOCAL_RANK").value_or(*rank);
  self.impl_ = std::make_unique<Impl>();
  self.impl_->cuda = cuda;
  try {
    c10d::TCPStoreOptions options;
    options.port = static_cast<std::uint16_t>(*port);
    // torchrun may serve the store itself, for all of its processes.
    const char* agent = std::getenv("TORCHELASTIC_USE_AGENT_STORE");
    options.isServer = *rank == 0 && !(agent != nullptr && std::strcmp(agent, "True") == 0);
    options.numWorkers = static_cast<std::size_t>(*world);
    options.waitWorkers = false;
    options.timeout = kMeeting;
    self.impl_->store = c10::make_intrusive<c10d::TCPStore>(address, options);
    if (cuda) {
#if defined(USE_C10D_NCCL)
      auto nccl = c10d::ProcessGroupNCCL::Options::create();
      nccl->timeout = kPatience;
      self.impl_->group =
          c10::make_intrusive<c10d::ProcessGroupNCCL>(self.impl_->store, *rank, *world, nccl);
#else
      return Error{"this LibTorch has no NCCL: several processes can only use --device cpu", ""};
#endif
    } else {
      auto gloo = c10d::ProcessGroupGloo::Options::create_default(kPatience);
      self.impl_->group =
          c10::make_intrusive<c10d::ProcessGroupGloo>(self.impl_->store, *rank, *world, gloo);
    }
  } catch (const std::exception& error) {
    return Error{"process " + std::to_string(*rank) + " of " + std::to_string(*world) +
                     " can't join the others at " + address + ":" + std::to_string(*port) + ": " +
                     first_line(error.what()),
                 ""};
  }
  return self;
}

void Distributed::sum(at::Tensor& tensor) const {
  if (world_ == 1) return;
  try {
    std::vector<at::Tensor> tensors{tensor};
    impl_->group->allreduce(tensors)->wait();
  } catch (const std::exception& error) {
    throw DistributedError("process " + std::to_string(rank_) + " of " + std::to_string(world_) +
                           ": another process of this training is gone (" +
                           first_line(error.what()) + "); start all of them again with --resume");
  }
}

void Distributed::sum(std::span<double> values) const {
  if (world_ == 1) return;
  at::Tensor tensor =
      torch::from_blob(values.data(), {static_cast<std::int64_t>(values.size())}, torch::kFloat64);
  if (!impl_->cuda) {
    sum(tensor);
    return;
  }
  at::Tensor on_device = tensor.to(torch::kCUDA);
  sum(on_device);
  tensor.copy_(on_device);
}

bool Distributed::any(bool value) const {
  double sum_of_them = value ? 1 : 0;
  sum({&sum_of_them, 1});
  return sum_of_them > 0;
}

}  // namespace nevus
