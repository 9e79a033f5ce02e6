#include <iostream>

#include "loadgen/loadgen.h"

int main(int argc, char** argv) { return routebench::loadgen::Run(argc, argv, std::cout, std::cerr); }
