#include "daemon/transport/frame_buffer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace routebench::transport {
namespace {

// Blocks that an idle writer keeps.
constexpr size_t kSpareBlocks = 8;

uint32_t LengthAt(const char* data) {
  uint32_t length;
  std::memcpy(&length, data, sizeof length);
  return length;
}

}  // namespace

FrameReader::FrameReader(size_t max_frame, size_t read_bytes)
    : max_frame_(max_frame),
      blocks_(nullptr),
      read_bytes_(read_bytes),
      capacity_(read_bytes),
      bytes_(std::make_unique_for_overwrite<char[]>(read_bytes)) {}

FrameReader::FrameReader(size_t max_frame, BlockPool& blocks)
    : max_frame_(max_frame), blocks_(&blocks), read_bytes_(blocks.block_bytes()), capacity_(read_bytes_) {}

FrameReader::~FrameReader() { GiveBack(); }

void FrameReader::GiveBack() {
  if (blocks_ == nullptr || bytes_ == nullptr) return;
  if (capacity_ == read_bytes_) blocks_->Give(std::move(bytes_));
  bytes_ = nullptr;
  capacity_ = read_bytes_;
  begin_ = end_ = 0;
}

void FrameReader::MakeRoom() {
  if (bytes_ == nullptr) bytes_ = blocks_->Take();
  const size_t rest = end_ - begin_;
  if (rest == 0 && capacity_ > read_bytes_) {
    bytes_ = std::make_unique_for_overwrite<char[]>(read_bytes_);
    capacity_ = read_bytes_;
  } else if (rest == capacity_) {
    const size_t grown = std::min(2 * capacity_, max_frame_ + kLengthBytes + read_bytes_);
    auto bytes = std::make_unique_for_overwrite<char[]>(grown);
    std::memcpy(bytes.get(), bytes_.get() + begin_, rest);
    bytes_ = std::move(bytes);
    capacity_ = grown;
  } else if (begin_ > 0) {
    std::memmove(bytes_.get(), bytes_.get() + begin_, rest);
  }
  begin_ = 0;
  end_ = rest;
}

IoResult FrameReader::Fill(ByteChannel& channel) {
  MakeRoom();
  const IoResult result = channel.Read(bytes_.get() + end_, capacity_ - end_);
  if (result.status == IoResult::Status::kDone) {
    end_ += result.bytes;
  } else if (buffered() == 0) {
    GiveBack();
  }
  return result;
}

FrameReader::Result FrameReader::Next(std::string_view* frame) {
  if (buffered() == 0) GiveBack();
  if (buffered() < kLengthBytes) return Result::kIncomplete;
  const size_t length = LengthAt(bytes_.get() + begin_);
  if (length > max_frame_) return Result::kTooLong;
  if (buffered() - kLengthBytes < length) return Result::kIncomplete;
  *frame = std::string_view(bytes_.get() + begin_ + kLengthBytes, length);
  begin_ += kLengthBytes + length;
  return Result::kFrame;
}

FrameWriter::~FrameWriter() { Clear(); }

FrameWriter::FrameWriter(FrameWriter&& other) noexcept { *this = std::move(other); }

FrameWriter& FrameWriter::operator=(FrameWriter&& other) noexcept {
  if (this == &other) return *this;
  Clear();
  Swap(other);
  written_ = other.written_;
  return *this;
}

void FrameWriter::Swap(FrameWriter& other) noexcept {
  segments_.swap(other.segments_);
  std::swap(first_, other.first_);
  spare_.swap(other.spare_);
  std::swap(pending_, other.pending_);
  std::swap(blocks_, other.blocks_);
}

char* FrameWriter::Reserve(size_t size) {
  if (!segments_.empty()) {
    Segment& last = segments_.back();
    if (last.block.bytes != nullptr && last.block.capacity - last.used >= size) {
      char* const at = last.block.bytes.get() + last.used;
      last.used += size;
      last.size += size;
      pending_ += size;
      return at;
    }
  }
  Segment& segment = segments_.emplace_back();
  if (size <= kBlockBytes && blocks_ != nullptr) {
    segment.block = {blocks_->Take(), kBlockBytes};
  } else if (size <= kBlockBytes && !spare_.empty()) {
    segment.block = std::move(spare_.back());
    spare_.pop_back();
  } else {
    segment.block.capacity = std::max(size, kBlockBytes);
    segment.block.bytes = std::make_unique_for_overwrite<char[]>(segment.block.capacity);
  }
  segment.data = segment.block.bytes.get();
  segment.size = segment.used = size;
  pending_ += size;
  return segment.block.bytes.get();
}

char* FrameWriter::Append(size_t size) {
  char* const at = Reserve(kLengthBytes + size);
  const uint32_t length = static_cast<uint32_t>(size);
  std::memcpy(at, &length, sizeof length);
  return at + kLengthBytes;
}

char* FrameWriter::AppendWithTail(size_t head, std::string_view tail, Release release) {
  char* const at = Reserve(kLengthBytes + head);
  const uint32_t length = static_cast<uint32_t>(head + tail.size());
  std::memcpy(at, &length, sizeof length);
  Segment& segment = segments_.emplace_back();
  segment.data = tail.data();
  segment.size = tail.size();
  segment.release = std::move(release);
  pending_ += tail.size();
  return at + kLengthBytes;
}

IoResult FrameWriter::Flush(ByteChannel& channel) {
  std::array<iovec, ByteChannel::kMaxParts> parts;
  while (pending_ > 0) {
    size_t count = 0;
    for (size_t i = first_; i < segments_.size() && count < parts.size(); ++i) {
      parts[count++] = {const_cast<char*>(segments_[i].data), segments_[i].size};
    }
    const IoResult result = channel.Write(absl::MakeConstSpan(parts.data(), count));
    if (result.status != IoResult::Status::kDone) return result;
    Advance(result.bytes);
  }
  return {};
}

void FrameWriter::Advance(size_t bytes) {
  written_ += bytes;
  pending_ -= bytes;
  while (bytes > 0) {
    Segment& segment = segments_[first_];
    const size_t step = std::min(bytes, segment.size);
    segment.data += step;
    segment.size -= step;
    bytes -= step;
    if (segment.size == 0) {
      Retire(segment);
      ++first_;
    }
  }
  if (pending_ == 0) {
    segments_.clear();
    first_ = 0;
  } else if (first_ > ByteChannel::kMaxParts) {
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void FrameWriter::Retire(Segment& segment) {
  if (segment.release) std::exchange(segment.release, nullptr)();
  if (segment.block.capacity == kBlockBytes && blocks_ != nullptr) {
    blocks_->Give(std::move(segment.block.bytes));
  } else if (segment.block.capacity == kBlockBytes && spare_.size() < kSpareBlocks) {
    spare_.push_back(std::move(segment.block));
  }
  segment.block = {};
}

void FrameWriter::Clear() {
  for (size_t i = first_; i < segments_.size(); ++i) Retire(segments_[i]);
  segments_.clear();
  first_ = 0;
  pending_ = 0;
}

}  // namespace routebench::transport
