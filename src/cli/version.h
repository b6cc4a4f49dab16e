/*
 * The version of firn, given by the build.
 */
#ifndef FIRN_CLI_VERSION_H
#define FIRN_CLI_VERSION_H

#ifndef FIRN_VERSION
#define FIRN_VERSION "0.0.0"
#endif

#endif
