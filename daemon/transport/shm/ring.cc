#include "daemon/transport/shm/ring.h"

#include "daemon/transport/shm/ring_impl.h"

namespace routebench::transport::shm {

template class BasicRingWriter<PlainMemory>;
template class BasicRingReader<PlainMemory>;

}  // namespace routebench::transport::shm
