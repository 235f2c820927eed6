// A hardware profile as YAML: readable, editable, to share. Every figure is a number with its unit
// and says where it comes from: {value: 21 GB/s, spread: 3 %, measured: with copies of 64 MiB}.
#pragma once

#include <span>
#include <string>

#include "longhaul/config/document.h"
#include "longhaul/hardware/profile.h"

namespace longhaul {

// Throws ConfigError with every error of the document at once: file, line, key, what was expected.
// A figure that is missing, zero, negative, without its unit or absurd is an error.
HardwareProfile parse_hardware(const Document& document);

// `overrides` as "host.memory={value: 128 GB, assumed: half of it}". Throws IoError too.
HardwareProfile load_hardware(const std::string& file, std::span<const std::string> overrides = {});

// Reads back as the same profile. With comments each key is preceded by its meaning.
std::string to_yaml(const HardwareProfile& profile, bool with_comments = false);

// Where the profile of this machine lies: longhaul/hardware.yaml in $XDG_CACHE_HOME, else in
// $HOME/.cache. Empty where neither is set. Nothing says that the file exists.
std::string default_profile_path();

}  // namespace longhaul
