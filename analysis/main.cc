#include <iostream>
#include <string>
#include <vector>

#include "analysis/run.h"

int main(int argc, char** argv) {
  return routebench::analysis::Run(std::vector<std::string>(argv + 1, argv + argc), std::cout, std::cerr);
}
