# cmake --install: program, static libraries, public headers and the package `daybook` with daybook::journal,
# daybook::materializer and, for plug-ins, daybook::plugin. What the libraries use inside is found by daybookConfig.cmake, since a static library brings
# its own dependencies to the link line.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/daybook)
install(TARGETS daybook_journal daybook_materializer daybook_plugin EXPORT daybook
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS daybook_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(EXPORT daybook NAMESPACE daybook:: FILE daybookTargets.cmake DESTINATION ${package})

configure_package_config_file(cmake/daybookConfig.cmake.in ${PROJECT_BINARY_DIR}/daybookConfig.cmake
  INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/daybookConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/daybookConfig.cmake ${PROJECT_BINARY_DIR}/daybookConfigVersion.cmake
  DESTINATION ${package})
