// What one event of 512 B costs to encode, to decode, to check and to read: the encoding step of the daemon's
// path. The kinds are one of each category that differ most in shape.
#include <cstdint>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "events/codec.h"
#include "events/payloads/read_fields.h"
#include "tests/bench/event_corpus.h"

namespace routebench::bench {
namespace {

constexpr size_t kBodyBytes = 512;

void Kinds(benchmark::internal::Benchmark* bench) {
  bench->ArgName("kind");
  for (const EventKind kind :
       {EventKind::kFileCreated, EventKind::kRecordUpdated, EventKind::kWebhookReceived, EventKind::kToolCall,
        EventKind::kHealthCheck, EventKind::kMetricsCollected}) {
    bench->Arg(static_cast<int64_t>(kind));
  }
}

EventKind KindOf(const benchmark::State& state) { return static_cast<EventKind>(state.range(0)); }

size_t EncodeAll(const Event& event, bool inline_attributes, std::string& out) {
  const Attributes& attributes = AttributesOf(event);
  EncodedHeader header{.event = event.header, .typed = event.payload.is_typed()};
  header.attributes_size = inline_attributes ? static_cast<uint32_t>(EncodedSize(attributes)) : 0;
  header.attributes_number = inline_attributes ? 0 : 1;
  header.body_size = static_cast<uint32_t>(event.payload.encoded_size());
  const size_t body_at = kEncodedHeaderSize + header.attributes_size;
  out.resize(body_at + header.body_size);
  if (inline_attributes) EncodeAttributes(attributes, out.data() + kEncodedHeaderSize);
  EncodeBody(event.payload, out.data() + body_at);
  header.body_crc32c = Crc32c(std::string_view(out).substr(body_at));
  EncodeHeader(header, out.data());
  return out.size();
}

void Encode(benchmark::State& state, bool inline_attributes) {
  EventCorpus corpus(KindOf(state), kBodyBytes);
  std::string out;
  const Event event = corpus.Next();
  for (auto _ : state) benchmark::DoNotOptimize(EncodeAll(event, inline_attributes, out));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(Encode, interned, false)->Apply(Kinds);
BENCHMARK_CAPTURE(Encode, inline, true)->Apply(Kinds);

void Decode(benchmark::State& state) {
  EventCorpus corpus(KindOf(state), kBodyBytes);
  std::vector<std::string> encoded(64);
  for (std::string& out : encoded) EncodeAll(corpus.Next(), false, out);
  BodyDecoder decoder;
  Event event;
  size_t n = 0;
  for (auto _ : state) {
    const std::string_view data = encoded[n++ % encoded.size()];
    EncodedHeader header;
    const std::string_view body = data.substr(kEncodedHeaderSize);
    if (!DecodeHeader(data, &header) || Crc32c(body) != header.body_crc32c ||
        !decoder.Decode(header, body, &event.payload)) {
      return state.SkipWithError("decode");
    }
    event.header = header.event;
    benchmark::DoNotOptimize(event);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Decode)->Apply(Kinds);

void Read(benchmark::State& state) {
  EventCorpus corpus(KindOf(state), kBodyBytes);
  std::vector<Payload> payloads;
  for (int i = 0; i < 64; ++i) payloads.push_back(corpus.Next().payload);
  size_t n = 0;
  for (auto _ : state) benchmark::DoNotOptimize(ReadFields(KindOf(state), payloads[n++ % payloads.size()]));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Read)->Apply(Kinds);

void Checksum(benchmark::State& state) {
  const std::string data(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(Crc32c(data));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Checksum)->ArgName("bytes")->Arg(512)->Arg(4096)->Arg(65536);

}  // namespace
}  // namespace routebench::bench

BENCHMARK_MAIN();
