#include "longhaul/config/schema.h"

#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

struct Meal {
  std::string dish;
  std::int64_t guests = 4;
  std::optional<double> salt = 0.5;
  std::string wine = "red";
};

Schema<Meal> meal_schema() {
  Schema<Meal> schema({{"diners", "table.guests", "whoever sits down."},
                       {"microwave", "", "food is cooked here."}});
  schema.add_required(
      "dish", [](Meal & m) -> auto& { return m.dish; }, text_value("a dish"), "What is served.");
  schema.add(
      "table.guests",
      [](Meal & m) -> auto& { return m.guests; },
      integer_value(1, 12),
      "Who sits there.");
  schema.add(
      "table.wine",
      [](Meal & m) -> auto& { return m.wine; },
      text_value("a wine"),
      "What is poured.");
  schema.add(
      "kitchen.salt",
      [](Meal & m) -> auto& { return m.salt; },
      word_or("none", number_value({0.0, 1.0})),
      "How much salt.");
  return schema;
}

std::string errors_in(const std::string& text) {
  Meal meal;
  ConfigErrors errors;
  meal_schema().read(parse_document(text, "meal.yaml"), meal, errors);
  return errors.text();
}

TEST(Schema, SetsWhatIsGivenAndKeepsDefaultsElsewhere) {
  Meal meal;
  ConfigErrors errors;
  const std::vector<GivenKey> given = meal_schema().read(
      parse_document("dish: soup\nkitchen: {salt: none}\ntable:\n", "meal.yaml"), meal, errors);

  EXPECT_TRUE(errors.is_empty()) << errors.text();
  EXPECT_EQ(meal.dish, "soup");
  EXPECT_EQ(meal.guests, 4);
  EXPECT_EQ(meal.salt, std::nullopt);
  EXPECT_NE(given.at(0).node, nullptr);
  EXPECT_EQ(given.at(1).node, nullptr);
}

TEST(Schema, ReportsEveryErrorAtOnce) {
  EXPECT_EQ(errors_in("table:\n  guests: 40\n  vine: white\nkitchen: big\nkitchen: {}\n"),
            "meal.yaml:2: table.guests: got 40, expected an integer from 1 to 12\n"
            "meal.yaml:3: table.vine: unknown key (did you mean table.wine?)\n"
            "meal.yaml:4: kitchen: got big, expected a section with salt\n"
            "meal.yaml:5: kitchen: repeated key, first given on line 4\n"
            "meal.yaml: dish: missing, expected a dish");
}

TEST(Schema, LeavesTheDefaultWhereAValueIsWrong) {
  Meal meal;
  ConfigErrors errors;
  const std::vector<GivenKey> given = meal_schema().read(
      parse_document("dish: soup\nkitchen: {salt: 7}\n", "meal.yaml"), meal, errors);
  EXPECT_EQ(meal.salt, 0.5);
  EXPECT_TRUE(given.at(3).is_wrong);
}

TEST(Schema, FindsAKeyThatStandsInTheWrongSection) {
  EXPECT_EQ(errors_in("dish: soup\nsalt: 0.1\n"),
            "meal.yaml:2: salt: unknown key (did you mean kitchen.salt?)");
  EXPECT_EQ(errors_in("dish: soup\nkitchen: {gests: 3}\n"),
            "meal.yaml:2: kitchen.gests: unknown key (did you mean table.guests?)");
}

TEST(Schema, AnswersForeignKeysWithOurs) {
  EXPECT_EQ(errors_in("dish: soup\ntable:\n  diners: 3\n"),
            "meal.yaml:3: table.diners: unknown key, here it is table.guests: whoever sits down.");
  EXPECT_EQ(errors_in("dish: soup\nmicrowave: {watts: 800}\n"),
            "meal.yaml:2: microwave: unknown key: food is cooked here.");
}

TEST(Schema, ListsTheKeysWhereNoneIsNear) {
  EXPECT_EQ(errors_in("dish: soup\nzzzzzz: 3\n"),
            "meal.yaml:2: zzzzzz: unknown key, expected one of dish, table, kitchen");
}

TEST(Schema, RefusesAliasesWhereAValueIsExpected) {
  EXPECT_EQ(errors_in("dish: &d soup\ntable: {wine: *d}\n"),
            "meal.yaml:1: anchor &d: anchors and aliases are not supported\n"
            "meal.yaml:2: table.wine: got an alias (not supported: write the value out), expected "
            "a wine");
}

TEST(Schema, WritesEveryValueWithComments) {
  Meal meal;
  meal.dish = "soup: hot";
  EXPECT_EQ(meal_schema().write(meal, /*with_comments=*/true),
            "# What is served. Takes a dish.\n"
            "dish: \"soup: hot\"\n"
            "\n"
            "table:\n"
            "  # Who sits there. Takes an integer from 1 to 12.\n"
            "  guests: 4\n"
            "  # What is poured. Takes a wine.\n"
            "  wine: red\n"
            "\n"
            "kitchen:\n"
            "  # How much salt. Takes none or a number from 0 to 1.\n"
            "  salt: 0.5\n");
}

TEST(Schema, ReadsWhatItWrites) {
  Meal meal{"soup", 7, std::nullopt, "none: \"of it\""};
  Meal copy;
  ConfigErrors errors;
  meal_schema().read(
      parse_document(meal_schema().write(meal, /*with_comments=*/false), "meal.yaml"),
      copy,
      errors);
  EXPECT_TRUE(errors.is_empty()) << errors.text();
  EXPECT_EQ(copy.guests, 7);
  EXPECT_EQ(copy.salt, std::nullopt);
  EXPECT_EQ(copy.wine, meal.wine);
}

}  // namespace
}  // namespace longhaul
