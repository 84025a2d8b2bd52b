"""A picture that somebody brings along: limited in bytes before it is read, and in pixels before it is decoded."""

from __future__ import annotations

import streamlit as st
from PIL import Image

from app.escape import escape
from kgstore.errors import BadImage
from kgstore.images import picture_of

UPLOAD_MEGABYTES = 10
ENDINGS = ("jpg", "jpeg", "png", "gif", "bmp", "webp", "tif", "tiff", "ppm")
#: Its width on the page.
SHOWN = 120


def uploaded_picture(key: str, label: str) -> Image.Image | None:
    """A field for a picture and, below it, the picture in RGB once there is one, or a sentence why not."""
    file = st.file_uploader(label, ENDINGS, key=key, max_upload_size=UPLOAD_MEGABYTES, label_visibility="collapsed")
    if file is None:
        return None
    try:
        picture = picture_of(file, file.name)
    except BadImage as error:
        st.error(escape(str(error)), icon=":material/error:")
        return None
    thumbnail = picture.copy()
    thumbnail.thumbnail((2 * SHOWN, 2 * SHOWN))
    st.image(thumbnail, width=SHOWN)
    return picture
