// Which names a body hides.
//
// Jinja decides before a template runs which scope a name belongs to: a body that assigns to a name
// before it reads it has that name to itself from its first line on, even where the rendering was
// given a variable of that name. Until the assignment such a name is undefined, for the bodies
// inside too. A name that is assigned to in a branch of `if` only, or that an outer body knows, is
// not hidden.
#pragma once

#include "jinja_syntax.h"

namespace longhaul::jinja {

// Fills in `hidden` of every body of `program`.
void find_hidden_names(Program& program);

}  // namespace longhaul::jinja
