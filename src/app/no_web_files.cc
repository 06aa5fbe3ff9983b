// What stands in for the web page in a program that is built without it (BALEEN_WITH_WEB=OFF).

#include "app/web_files.h"

namespace baleen::embedded {

// NOLINTNEXTLINE(readability-identifier-naming)
const std::size_t web_count = 1;
// NOLINTNEXTLINE(readability-identifier-naming)
const WebFile web[] = {
    {"/index.html",
     "<!doctype html><html lang=\"en\"><head><meta "
     "charset=\"utf-8\"><title>Baleen</title></head><body>"
     "<h1>Baleen</h1><p>This program was built without its web page (BALEEN_WITH_WEB=OFF). Its "
     "HTTP "
     "interface is described at <a "
     "href=\"/v1/openapi.yaml\">/v1/openapi.yaml</a>.</p></body></html>\n",
     "", false},
};

}  // namespace baleen::embedded
