// Blocks of one size that many connections take turns with.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_BLOCK_POOL_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_BLOCK_POOL_H_

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace routebench::transport {

// A connection that has nothing under way holds no block: a thousand idle ones cost what one busy one does,
// and the block that the next one gets is still in the cache. Not thread-safe.
class BlockPool {
 public:
  using Block = std::unique_ptr<char[]>;

  // Keeps at most `most` blocks that nobody holds.
  BlockPool(size_t block_bytes, size_t most) : block_bytes_(block_bytes), most_(most) {}
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  size_t block_bytes() const { return block_bytes_; }
  // The one that was given last, or a new one. Not initialised.
  Block Take() {
    if (blocks_.empty()) return std::make_unique_for_overwrite<char[]>(block_bytes_);
    Block block = std::move(blocks_.back());
    blocks_.pop_back();
    return block;
  }
  void Give(Block block) {
    if (blocks_.size() < most_) blocks_.push_back(std::move(block));
  }

 private:
  const size_t block_bytes_;
  const size_t most_;
  std::vector<Block> blocks_;
};

}  // namespace routebench::transport

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_BLOCK_POOL_H_
