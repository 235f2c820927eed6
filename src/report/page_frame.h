// Style and script of every page.
#pragma once

namespace longhaul {

extern const char* const kPageStyle;
extern const char* const kPageScript;

}  // namespace longhaul
