# The objects compiled for one instruction set must share no function with the rest of the program:
# the linker keeps one copy of a weak symbol, and a copy with AVX-512 instructions would then run
# on every processor. cmake -DNM=... -DOBJECTS=a.o,b.o -P simd_symbols_test.cmake
string(REPLACE "," ";" objects "${OBJECTS}")
list(LENGTH objects count)
if(count EQUAL 0)
  message(FATAL_ERROR "no objects were given")
endif()
foreach(object IN LISTS objects)
  execute_process(COMMAND ${NM} -C ${object} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  if(NOT symbols MATCHES " T longhaul::kernels::")
    message(FATAL_ERROR "${object} defines no kernel")
  endif()
  string(REGEX MATCHALL "[^\n]* [Wu] [^\n]*" shared "${symbols}")
  if(shared)
    message(FATAL_ERROR "${object} shares functions with other objects:\n${shared}")
  endif()
endforeach()
