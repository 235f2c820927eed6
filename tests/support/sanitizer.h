// Whether the tests run under a sanitizer, several times slower: those that repeat the same many
// times over repeat it less.
#pragma once

namespace longhaul::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kUnderSanitizer = true;
#else
inline constexpr bool kUnderSanitizer = false;
#endif

}  // namespace longhaul::test
