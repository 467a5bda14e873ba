# Headers are included as they will be installed: <daybook/ROOM/NAME.h>. In the source tree a room is a top-level folder.
foreach(room journal materializer)
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/include/daybook)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${room} ${PROJECT_BINARY_DIR}/include/daybook/${room} SYMBOLIC)
endforeach()

# daybook_room(NAME PUBLIC_HEADERS a.h … SOURCES a.cc …): library daybook_NAME, alias daybook::NAME
function(daybook_room name)
  cmake_parse_arguments(room "" "" "PUBLIC_HEADERS;SOURCES" ${ARGN})
  add_library(daybook_${name} ${room_SOURCES})
  add_library(daybook::${name} ALIAS daybook_${name})
  set_target_properties(daybook_${name} PROPERTIES EXPORT_NAME ${name} VERIFY_INTERFACE_HEADER_SETS ON
    POSITION_INDEPENDENT_CODE ON)
  list(TRANSFORM room_PUBLIC_HEADERS PREPEND ${PROJECT_BINARY_DIR}/include/daybook/${name}/)
  target_sources(daybook_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_BINARY_DIR}/include FILES ${room_PUBLIC_HEADERS})
  target_compile_features(daybook_${name} PUBLIC cxx_std_20)
  target_link_libraries(daybook_${name} PRIVATE $<BUILD_INTERFACE:daybook_compile>)
endfunction()
