#ifndef CFMPI_VERSION_H
#define CFMPI_VERSION_H

#define CF_VERSION "0.1.0"

#endif
