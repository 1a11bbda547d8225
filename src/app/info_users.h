/* The users that `cfmpi info --user` shows. */
#ifndef CFMPI_INFO_USERS_H
#define CFMPI_INFO_USERS_H

#include "cfmpi/h5.h"

/* Appends favourites, neighbours and recommendations of the users in a list:
 * ids between commas, those with a comma between quotes. CF_USAGE for one that
 * is not in the file; CF_BAD_DATA, CF_IO. Local. */
int cf_info_users(cf_text *out, const cf_h5 *f, const char *list);

#endif
