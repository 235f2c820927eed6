// Numbers with units as text: "21 GB/s", "24 GiB", "20 us", "52 cores".
#pragma once

#include <string>

#include "longhaul/core/units.h"
#include "longhaul/hardware/figure.h"

namespace longhaul {

// What a number counts, the prefixes it may have and the values that are no typing error.
struct UnitOfFigure {
  const char* symbol;
  const char* prefixes;  // one letter each; "i" after a prefix is taken where is_binary
  bool is_binary;
  double low;
  double high;
  const char* example;
};

const UnitOfFigure& unit_of(Bytes);
const UnitOfFigure& unit_of(BytesPerSecond);
const UnitOfFigure& unit_of(FlopsPerSecond);
const UnitOfFigure& unit_of(ParametersPerSecond);
const UnitOfFigure& unit_of(Seconds);
const UnitOfFigure& unit_of(Flops);
const UnitOfFigure& unit_of(int);     // cores
const UnitOfFigure& unit_of(double);  // a share, in percent

double to_number(Bytes size);
double to_number(BytesPerSecond rate);
double to_number(FlopsPerSecond rate);
double to_number(ParametersPerSecond rate);
double to_number(Seconds time);
double to_number(Flops work);
double to_number(int count);
double to_number(double share);

void from_number(double number, Bytes& size);
void from_number(double number, BytesPerSecond& rate);
void from_number(double number, FlopsPerSecond& rate);
void from_number(double number, ParametersPerSecond& rate);
void from_number(double number, Seconds& time);
void from_number(double number, Flops& work);
void from_number(double number, int& count);
void from_number(double number, double& share);

// True when `text` is a number with this unit, whatever its size; sets `number` in the unit without
// prefix.
bool read_quantity(const std::string& text, const UnitOfFigure& unit, double& number);
// Reads back as the same number.
std::string write_quantity(double number, const UnitOfFigure& unit);

// "a number with its unit from 1 MiB to 100 PB, such as 24 GiB".
std::string expectation(const UnitOfFigure& unit);

}  // namespace longhaul
