#!/bin/sh
# In place of rustc: compiles nothing, and writes down what cargo gave it. Questions of cargo's are for the compiler.
case " $* " in
  *' --crate-name isotest_sample '*) ;;
  *' --print'* | *' -vV '*)
    unset RUST_MIN_STACK
    exec ${ISOTEST_SAMPLE_WRAPPER:+"$ISOTEST_SAMPLE_WRAPPER"} "$@"
    ;;
  *) exit 0 ;;
esac
{
  printf '%s\0' "$#" "$@"
  cat "/proc/$$/environ"
  printf '\0'
} >> "${ISOTEST_SAMPLE_RECORD:?}"
