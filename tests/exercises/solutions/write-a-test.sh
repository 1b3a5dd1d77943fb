cat > test_shop.py <<'EOF'
import pytest

import shop


def test_an_order_is_published_once(published_events):
    shop.place_order(7, 10)
    published_events.assert_published("order.created", data={"number": 7, "total": 10}, times=1)


@pytest.mark.parametrize("total", [0, -1])
def test_nothing_is_published_of_an_order_that_is_refused(published_events, total):
    with pytest.raises(ValueError):
        shop.place_order(7, total)
    published_events.assert_nothing_published()
EOF
