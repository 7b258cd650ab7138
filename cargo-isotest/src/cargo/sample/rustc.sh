#!/bin/sh
# In place of rustc: compiles nothing, and writes down what cargo gave it. Questions of cargo's are for the compiler.
unset RUST_MIN_STACK
case " $* " in
  *' --crate-name isotest_sample '*) ;;
  *' --print'* | *' -vV '*) exec ${ISOTEST_SAMPLE_WRAPPER:+"$ISOTEST_SAMPLE_WRAPPER"} "$@" ;;
  *) exit 0 ;;
esac
libraries=$("$@" --print target-libdir) || exit
for word do
  [ "$last" != --out-dir ] || directory=$word
  last=$word
done
{
  printf '%s\0' "$directory" "$libraries"
  cat "/proc/$$/environ"
  printf '\0'
} >> "${ISOTEST_SAMPLE_RECORD:?}"
