// R12: an id that was accepted is a duplicate for as long as the window remembers it.
#include "tests/conformance/conformance_test.h"

namespace routebench::conformance {
namespace {

class DeduplicationTest : public ConformanceTest {
 protected:
  PublishResult PublishAgain(const Event& event) { return publisher().Publish(event); }
  uint64_t Duplicates() { return RouterBooks().of(Outcome::kDuplicate); }
};

TEST_F(DeduplicationTest, R12_IsOffByDefault) {
  Inbox inbox;
  AddReceiver({}, inbox.Acknowledging());
  const Event event = NewEvent();
  EXPECT_EQ(PublishAgain(event), PublishResult::kAccepted);
  EXPECT_EQ(PublishAgain(event), PublishResult::kAccepted);
  MustDrain();
  EXPECT_EQ(inbox.Items().size(), 2u);
  EXPECT_EQ(Duplicates(), 0u);
}

TEST_F(DeduplicationTest, R12_ADuplicateIsCountedAndNotAnError) {
  options.routing.deduplication.window = 100;
  Inbox inbox;
  AddReceiver({}, inbox.Acknowledging());
  const Event event = NewEvent();
  EXPECT_EQ(PublishAgain(event), PublishResult::kAccepted);
  EXPECT_EQ(PublishAgain(event), PublishResult::kAccepted);
  EXPECT_EQ(PublishAgain(NewEvent()), PublishResult::kAccepted);
  MustDrain();
  EXPECT_EQ(inbox.Items().size(), 2u);
  EXPECT_EQ(Duplicates(), 1u);
  EXPECT_TRUE(RouterBooks().balanced());
  EXPECT_EQ(outcomes().SequencesOf(Outcome::kDuplicate), std::vector<uint64_t>{event.header.sequence});
}

TEST_F(DeduplicationTest, R12_ARefusedEventCanBeTriedAgain) {
  options.routing.deduplication.window = 100;
  options.max_body_bytes = 100;
  Inbox inbox;
  AddReceiver({}, inbox.Acknowledging());
  Event event = NewEvent();
  const Payload small = event.payload;
  event.payload = Payload::Bytes(std::make_shared<std::string>(101, 'x'));
  EXPECT_EQ(PublishAgain(event), PublishResult::kTooLarge);
  event.payload = small;
  EXPECT_EQ(PublishAgain(event), PublishResult::kAccepted);
  MustDrain();
  EXPECT_EQ(inbox.Items().size(), 1u);
  EXPECT_EQ(Duplicates(), 0u);
}

TEST_F(DeduplicationTest, R12_TheWindowForgetsTheOldest) {
  options.routing.deduplication.window = 2;
  Inbox inbox;
  AddReceiver({}, inbox.Acknowledging());
  const Event first = NewEvent();
  const Event second = NewEvent();
  for (const Event& event : {first, second, NewEvent(), second, first}) {
    EXPECT_EQ(PublishAgain(event), PublishResult::kAccepted);
  }
  MustDrain();
  EXPECT_EQ(inbox.Items().size(), 4u);
  EXPECT_EQ(Duplicates(), 1u);
}

TEST_F(DeduplicationTest, R12_TheWindowForgetsByAge) {
  options.routing.deduplication = {.window = 100, .max_age = 10 * kSecond};
  Inbox inbox;
  AddReceiver({}, inbox.Acknowledging());
  const Event event = NewEvent();
  EXPECT_EQ(PublishAgain(event), PublishResult::kAccepted);
  MustDrain();
  time().Advance(9 * kSecond);
  EXPECT_EQ(PublishAgain(event), PublishResult::kAccepted);
  MustDrain();
  EXPECT_EQ(inbox.Items().size(), 1u);
  time().Advance(2 * kSecond);
  EXPECT_EQ(PublishAgain(event), PublishResult::kAccepted);
  MustDrain();
  EXPECT_EQ(inbox.Items().size(), 2u);
}

}  // namespace
}  // namespace routebench::conformance
