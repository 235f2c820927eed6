#include "longhaul/hardware/profile_file.h"

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <utility>

#include "longhaul/config/schema.h"

#include "figure_file.h"

namespace longhaul {
namespace {

struct ProfileKey {
  std::function<void(const ConfigNode&, HardwareProfile&, ConfigErrors&)> read;
  std::function<std::string(const HardwareProfile&)> write;
};

// The keys of a profile in the order in which they are written.
class ProfileKeys {
 public:
  ProfileKeys() {
    add_device();
    add_compute(
        "bf16", [](HardwareProfile & p) -> auto& { return p.device.bf16; });
    add_compute(
        "fp32", [](HardwareProfile & p) -> auto& { return p.device.fp32; });
    add_link();
    add_host();
    add_storage();
  }

  HardwareProfile read(const Document& document) const {
    ConfigErrors errors;
    errors.add_all(document.problems);
    const std::vector<const ConfigNode*> nodes = match_keys(document, infos_, {}, errors);
    HardwareProfile profile;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i] != nullptr) keys_[i].read(*nodes[i], profile, errors);
    }
    errors.throw_if_any();
    return profile;
  }

  std::string write(const HardwareProfile& profile, bool with_comments) const {
    std::vector<KeyInfo> infos;
    std::vector<std::string> values;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      std::string value = keys_[i].write(profile);
      if (value.empty()) continue;
      infos.push_back(infos_[i]);
      values.push_back(std::move(value));
    }
    return write_keys(infos, values, with_comments);
  }

 private:
  // `member` returns a reference to a figure or a curve of a profile.
  template <class Member>
  void add(const std::string& path, Member member, const std::string& meaning) {
    infos_.push_back({path, "a figure", meaning, true});
    keys_.push_back(
        {[path, member](const ConfigNode& node, HardwareProfile& profile, ConfigErrors& e) {
           FigureReader(e).read(node, path, member(profile));
         },
         [member](HardwareProfile profile) { return in_braces(member(profile)); }});
  }
  // `member` returns a reference to an optional figure.
  template <class Member>
  void add_optional(const std::string& path, Member member, const std::string& meaning) {
    infos_.push_back({path, "a figure", meaning});
    keys_.push_back(
        {[path, member](const ConfigNode& node, HardwareProfile& profile, ConfigErrors& errors) {
           FigureReader(errors).read(node, path, member(profile).emplace());
         },
         [member](HardwareProfile profile) {
           const auto& figure = member(profile);
           return figure ? in_braces(*figure) : std::string{};
         }});
  }
  template <class Quantity>
  static std::string in_braces(const Figure<Quantity>& figure) {
    return concat("{", write_figure(figure), "}");
  }
  template <class Amount, class Rate>
  static std::string in_braces(const Curve<Amount, Rate>& curve) {
    return write_figure(curve);
  }

  template <class T, class Member>
  void add_value(const std::string& path,
                 Member member,
                 const ValueType<T>& type,
                 const std::string& meaning) {
    infos_.push_back({path, type.expected, meaning, true});
    keys_.push_back(
        {[path, member, type](const ConfigNode& node, HardwareProfile& profile, ConfigErrors& e) {
           if (type.read(node, member(profile))) return;
           e.add(node.place, path, concat("got ", describe(node), ", expected ", type.expected));
         },
         [member, type](HardwareProfile profile) { return type.write(member(profile)); }});
  }

  void add_device() {
    add_value(
        "name",
        [](HardwareProfile & p) -> auto& { return p.name; },
        text_value("a name"),
        "Which machine this is.");
    add_value(
        "device.kind",
        [](HardwareProfile & p) -> auto& { return p.device.kind; },
        one_of<DeviceKind>({{"cuda", DeviceKind::kCuda}, {"host", DeviceKind::kHost}}),
        "A GPU, or the cores of the host.");
    add_value(
        "device.name",
        [](HardwareProfile & p) -> auto& { return p.device.name; },
        text_value("a name"),
        "Which device it is.");
    add(
        "device.memory",
        [](HardwareProfile & p) -> auto& { return p.device.memory; },
        "Memory of the device.");
    add(
        "device.bandwidth",
        [](HardwareProfile & p) -> auto& { return p.device.bandwidth; },
        "Of ops that only move: bytes read and written a second, by bytes.");
    add(
        "device.launch",
        [](HardwareProfile & p) -> auto& { return p.device.launch; },
        "Time that every op takes besides.");
  }

  template <class Member>
  void add_compute(const std::string& precision, Member rates) {
    add(
        precision + ".products",
        [rates](HardwareProfile & p) -> auto& { return rates(p).products; },
        "Matrix products of the forward pass, by FLOPs of one; a multiply-add counts as two.");
    add(
        precision + ".products_backward",
        [rates](HardwareProfile & p) -> auto& { return rates(p).products_backward; },
        "The two products of a backward, by FLOPs of both.");
    add(
        precision + ".attention",
        [rates](HardwareProfile & p) -> auto& { return rates(p).attention; },
        "Causal attention, counting half of the square.");
    add(
        precision + ".attention_backward",
        [rates](HardwareProfile & p) -> auto& { return rates(p).attention_backward; },
        "Its backward, counted as 2.5 forwards.");
  }

  void add_link() {
    add(
        "link.to_device",
        [](HardwareProfile & p) -> auto& { return p.link.to_device; },
        "Copies from pinned memory to the device, by bytes.");
    add(
        "link.to_host",
        [](HardwareProfile & p) -> auto& { return p.link.to_host; },
        "Copies from the device to pinned memory, by bytes.");
    add(
        "link.both_ways",
        [](HardwareProfile & p) -> auto& { return p.link.both_ways; },
        "Rate of a direction while both are busy, as a share of its rate alone.");
    add(
        "link.latency",
        [](HardwareProfile & p) -> auto& { return p.link.latency; },
        "Time that every copy takes besides.");
    add_optional(
        "link.pageable",
        [](HardwareProfile & p) -> auto& { return p.link.pageable; },
        "Copies from and to memory that is not pinned, which other systems make.");
  }

  void add_host() {
    add(
        "host.cores", [](HardwareProfile & p) -> auto& { return p.host.cores; }, "Physical cores.");
    add(
        "host.memory", [](HardwareProfile & p) -> auto& { return p.host.memory; }, "Main memory.");
    add(
        "host.bandwidth",
        [](HardwareProfile & p) -> auto& { return p.host.bandwidth; },
        "Of the main memory, reads and writes together.");
    add(
        "host.optimizer",
        [](HardwareProfile & p) -> auto& { return p.host.optimizer; },
        "AdamW on states in memory, by threads.");
    add_optional(
        "host.sharing",
        [](HardwareProfile & p) -> auto& { return p.host.sharing; },
        "What the cores yield while computing, updates and copies share them, as a share of "
        "alone.");
    add(
        "host.pin_limit",
        [](HardwareProfile & p) -> auto& { return p.host.pin_limit; },
        "Memory that may be pinned.");
    add(
        "host.pin_rate",
        [](HardwareProfile & p) -> auto& { return p.host.pin_rate; },
        "How fast memory is pinned.");
  }

  void add_storage() {
    add_storage_disks();
    add_optional(
        "storage.serial",
        [](HardwareProfile & p) -> auto& { return p.storage.serial; },
        "What all disks together pass through one after the other, if anything.");
    add_optional(
        "storage.core",
        [](HardwareProfile & p) -> auto& { return p.storage.core; },
        "Share of one core that a transfer at full rate keeps busy.");
  }

  void add_storage_disks() {
    infos_.push_back({"storage.disks",
                      "a list of disks",
                      "Per disk: name, count of equal ones, and of one: capacity, read, write, "
                      "mixed (half of each; optional), endurance (rated bytes written; optional).",
                      true});
    keys_.push_back({[](const ConfigNode& node, HardwareProfile& profile, ConfigErrors& errors) {
                       FigureReader(errors).read(node, "storage.disks", profile.storage.disks);
                     },
                     [](const HardwareProfile& profile) {
                       return profile.storage.disks.empty() ? "[]"
                                                            : write_disks(profile.storage.disks);
                     }});
  }

  std::vector<KeyInfo> infos_;
  std::vector<ProfileKey> keys_;
};

const ProfileKeys& profile_keys() {
  static const ProfileKeys keys;
  return keys;
}

}  // namespace

HardwareProfile parse_hardware(const Document& document) {
  return profile_keys().read(document);
}

HardwareProfile load_hardware(const std::string& file, std::span<const std::string> overrides) {
  Document document = load_document(file);
  apply_overrides(document, overrides);
  return parse_hardware(document);
}

std::string to_yaml(const HardwareProfile& profile, bool with_comments) {
  return profile_keys().write(profile, with_comments);
}

std::string default_profile_path() {
  // The XDG base directory specification: a relative path is ignored.
  for (const auto& [variable, folder] : {std::pair{"XDG_CACHE_HOME", ""}, {"HOME", ".cache"}}) {
    const char* value = std::getenv(variable);
    if (value == nullptr || value[0] != '/') continue;
    return (std::filesystem::path(value) / folder / "longhaul" / "hardware.yaml").string();
  }
  return {};
}

}  // namespace longhaul
