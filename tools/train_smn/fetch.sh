#!/bin/bash
# Fetches the audio that the training may use: free sound and music of Debian 12 (main), unpacked
# (not installed) under WORK/src. DATA.md names each package with its licence.
# Usage: fetch.sh WORK    A second run fetches nothing.
set -euo pipefail
work=${1:?usage: fetch.sh WORK}
mkdir -p "$work/debs" "$work/src"

speech="asterisk-core-sounds-en-wav asterisk-core-sounds-es-wav asterisk-core-sounds-fr-wav
  asterisk-core-sounds-it-wav asterisk-core-sounds-ru-wav klettres-data ktuberling-data"
music="asterisk-moh-opsound-wav fretsonfire-songs-muldjord fretsonfire-songs-sectoid
  sonic-pi-samples wesnoth-1.16-music"
mixed="0ad-data colobot-common-sounds freedroidrpg-data gcompris-qt-data hedgewars-data megaglest-data
  minetest-data openttd-opensfx supertux-data supertuxkart-data trigger-rally-data tuxmath-data
  tuxpaint-stamps-default ufoai-sound warzone2100-data wesnoth-1.16-data"

cd "$work/debs"
for package in $speech $music $mixed; do
  [ -d "$work/src/$package" ] && continue
  apt-get download -qq "$package"
  rm -rf "$work/src/$package.part"
  dpkg -x "${package}"_*.deb "$work/src/$package.part"
  mv "$work/src/$package.part" "$work/src/$package"
done
