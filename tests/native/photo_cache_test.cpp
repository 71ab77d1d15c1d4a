// The cache of decoded photos: right pixels or none, whatever happened to its file.
#include "data/photo_cache.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "support/program.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;
using test::Folder;

Image picture(int number, int width = 40, int height = 30) {
  Image image(width, height, PixelFormat::rgb);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] =
        static_cast<std::uint8_t>(i * 7 + static_cast<std::size_t>(number) * 31 + i / 100);
  return image;
}

PhotoCache::Key key(int number) {
  PhotoCache::Key out{};
  out[0] = static_cast<std::uint8_t>(number);
  out[1] = static_cast<std::uint8_t>(number >> 8);
  return out;
}

class Cache : public testing::Test {
 protected:
  std::unique_ptr<PhotoCache> open(std::uint64_t limit = 100 << 20) {
    auto cache = PhotoCache::open(file_, limit, [this](const std::string& line) {
      const std::lock_guard lock(mutex_);
      warnings_.push_back(line);
    });
    EXPECT_TRUE(cache) << (cache ? "" : cache.error().message);
    return cache ? std::move(*cache) : nullptr;
  }
  Folder folder_;
  fs::path file_ = folder_ / "photos.cache";
  std::mutex mutex_;
  std::vector<std::string> warnings_;
};

TEST_F(Cache, GivesBackWhatWasPutInAlsoAfterOpeningAgain) {
  {
    const auto cache = open();
    EXPECT_FALSE(cache->find(key(1)));
    for (int i = 0; i < 50; ++i) cache->put(key(i), picture(i, 20 + i, 30));
    EXPECT_EQ(cache->find(key(7))->pixels, picture(7, 27, 30).pixels);
  }
  const auto cache = open();
  for (int i = 0; i < 50; ++i) {
    const auto found = cache->find(key(i));
    ASSERT_TRUE(found) << i;
    EXPECT_EQ(found->width, 20 + i);
    EXPECT_EQ(found->pixels, picture(i, 20 + i, 30).pixels) << i;
  }
  EXPECT_FALSE(cache->find(key(50)));
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(Cache, DamagedPixelsAreNeverGivenOut) {
  open()->put(key(1), picture(1));
  {
    std::fstream file(file_, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(64 + 64 + 1000);
    file.put('\x55');
  }
  const auto cache = open();
  EXPECT_FALSE(cache->find(key(1)));
  EXPECT_FALSE(cache->find(key(1)));
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("photos.cache: damaged"), std::string::npos);
  cache->put(key(1), picture(1));  // the next one is good again
  EXPECT_EQ(cache->find(key(1))->pixels, picture(1).pixels);
}

TEST_F(Cache, EveryLengthOfACutFileIsSafe) {
  {
    const auto cache = open();
    for (int i = 0; i < 3; ++i) cache->put(key(i), picture(i, 8, 8));
  }
  const std::string whole = test::read_text(file_);
  for (std::size_t length = 0; length <= whole.size(); length += 13) {
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << whole.substr(0, length);
    const auto cache = open();
    ASSERT_NE(cache, nullptr) << length;
    for (int i = 0; i < 3; ++i) {
      const auto found = cache->find(key(i));
      if (found) {
        EXPECT_EQ(found->pixels, picture(i, 8, 8).pixels) << length;
      }
    }
    cache->put(key(9), picture(9));
    EXPECT_EQ(cache->find(key(9))->pixels, picture(9).pixels) << length;
  }
}

TEST_F(Cache, AForeignFileIsBegunAnew) {
  folder_.write("photos.cache", std::string(5000, 'x'));
  const auto cache = open();
  EXPECT_EQ(warnings_.size(), 1u);
  cache->put(key(1), picture(1));
  EXPECT_TRUE(cache->find(key(1)));
}

TEST_F(Cache, CutShortWhileItIsOpenItDecodesAgain) {
  const auto cache = open();
  for (int i = 0; i < 5; ++i) cache->put(key(i), picture(i));
  fs::resize_file(file_, 3000);
  EXPECT_FALSE(cache->find(key(4)));
  EXPECT_EQ(warnings_.size(), 1u);
}

TEST_F(Cache, StopsAtItsSizeAndSaysSoOnce) {
  const auto cache = open(20000);
  for (int i = 0; i < 20; ++i) cache->put(key(i), picture(i));
  EXPECT_LE(cache->bytes(), 20000u);
  EXPECT_TRUE(cache->find(key(0)));
  EXPECT_FALSE(cache->find(key(19)));
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("--cache-size"), std::string::npos);
}

TEST_F(Cache, TwoProcessesShareIt) {
  const auto cache = open();
  for (int i = 0; i < 100; ++i) cache->put(key(i), picture(i));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto own = PhotoCache::open(file_, 100 << 20, [](const std::string&) {});
    bool good = own.ok();
    for (int i = 0; good && i < 300; ++i) {
      (*own)->put(key(1000 + i), picture(i));
      const auto found = (*own)->find(key(i % 100));
      good = found && found->pixels == picture(i % 100).pixels;
    }
    _exit(good ? 0 : 1);
  }
  for (int i = 100; i < 400; ++i) cache->put(key(i), picture(i));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  for (int i = 0; i < 300; ++i) {
    const auto theirs = cache->find(key(1000 + i));
    ASSERT_TRUE(theirs) << i;
    EXPECT_EQ(theirs->pixels, picture(i).pixels);
    EXPECT_EQ(cache->find(key(100 + i))->pixels, picture(100 + i).pixels);
  }
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(Cache, ThreadsShareIt) {
  const auto cache = open();
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const int n = (i * 4 + t) % 300;
        const auto found = cache->find(key(n));
        if (found && found->pixels != picture(n).pixels) ++wrong;
        if (!found) cache->put(key(n), picture(n));
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(Cache, TheKeyChangesWithFileAndPreparation) {
  const fs::path photo = folder_.write("a.jpg", std::string("one"));
  const auto first = PhotoCache::key(photo, "training 224");
  ASSERT_TRUE(first);
  EXPECT_EQ(first, PhotoCache::key(photo, "training 224"));
  EXPECT_NE(first, PhotoCache::key(photo, "input 224"));
  folder_.write("a.jpg", std::string("three"));
  EXPECT_NE(first, PhotoCache::key(photo, "training 224"));
  fs::remove(photo);
  EXPECT_FALSE(PhotoCache::key(photo, "training 224"));
}

}  // namespace
}  // namespace nevus
