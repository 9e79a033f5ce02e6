#include <iostream>

#include "tests/bench/peers/run.h"

int main(int argc, char** argv) { return routebench::bench::RunPeers(argc, argv, std::cout, std::cerr); }
