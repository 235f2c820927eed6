# Installs BUILD below WORK, then configures, builds and runs PROJECT against what was installed.
file(REMOVE_RECURSE ${WORK})
set(environment --unset=Torch_DIR --unset=CUDACXX --unset=CMAKE_CUDA_COMPILER_LAUNCHER)
if(SANITIZE)
  set(flags "-DCMAKE_CXX_FLAGS=-fsanitize=${SANITIZE}")
endif()
foreach(step IN ITEMS
    "--install ${BUILD} --prefix ${WORK}/prefix"
    "-S ${PROJECT} -B ${WORK}/build -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER}
     -DCMAKE_PREFIX_PATH=${WORK}/prefix ${flags}"
    "--build ${WORK}/build --target run")
  separate_arguments(step UNIX_COMMAND ${step})
  execute_process(COMMAND ${CMAKE_COMMAND} -E env ${environment} ${CMAKE_COMMAND} ${step}
    COMMAND_ERROR_IS_FATAL ANY)
endforeach()
