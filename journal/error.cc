#include "daybook/journal/error.h"

#include <cerrno>
#include <system_error>

namespace daybook {

void throw_errno(std::string_view doing, int code) {
  std::string message = std::string(doing) + ": " + std::generic_category().message(code);
  if (code == ENOSPC || code == EDQUOT || code == EFBIG || code == ENOMEM) {
    throw FullError(message + ": make room and try again; nothing recorded so far is lost", code);
  }
  if (code == EIO) message += ": the disk, or the way to it, fails: 'dmesg' tells more";
  if (code == EROFS || code == EACCES || code == EPERM) message += ": check the folder's permissions";
  throw StorageError(message, code);
}

}  // namespace daybook
