// eventd: the daemon.
#include <iostream>

#include "daemon/server/run.h"

int main(int argc, char** argv) { return routebench::daemon::RunEventd(argc, argv, std::cout, std::cerr); }
