// Answers to the keys of other trainers, and to keys that longhaul will have but does not have yet.
#pragma once

#include <vector>

#include "longhaul/config/schema.h"

namespace longhaul {

std::vector<ForeignKey> foreign_keys();

}  // namespace longhaul
