#pragma once
// The one place that knows which Catch2 is installed: 2.13 on Debian 12, 3.x on Debian 13.
#ifdef SLUICE_CATCH3
#include <catch2/catch_all.hpp>
using Catch::Approx;  // as 2.13 has it
#else
#include <catch2/catch.hpp>
#endif
