// A timeline as text of one screen: what each lane did when, and how much of it ran beside compute.
#pragma once

#include <string>

#include "longhaul/schedule/schedule.h"
#include "longhaul/schedule/timeline.h"

namespace longhaul {

// One line per lane that has ops, at most 100 columns wide, between a line with the length of the
// pass and a legend. Throws InvalidArgument when timeline and schedule differ in length.
std::string lanes_chart(const Schedule& schedule, const Timeline& timeline);

}  // namespace longhaul
