class RTIOUnderflow(Exception):
    pass


class RTIOOverflow(Exception):
    pass
